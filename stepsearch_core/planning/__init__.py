"""What a profile needs of the hardware, worked out before anything is downloaded or allocated."""
