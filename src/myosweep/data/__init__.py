"""From files to a dataset: readers, the dataset's folder, splits, augmentation, the phantom."""
