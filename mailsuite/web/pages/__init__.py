"""The pages of the webmail: each module answers for some routes."""
