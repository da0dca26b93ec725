"""The seams between what decides and what touches a product; one file each."""
