"""Pictures, sound and video at the border of the program."""
