"""Networks, and their weights in safetensors."""
