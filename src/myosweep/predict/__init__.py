"""A trained network at work: on new images, in their own geometry, and exported for others."""
