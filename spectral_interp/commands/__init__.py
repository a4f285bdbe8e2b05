"""The two command lines."""
