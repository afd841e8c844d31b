"""Reading and writing pictures, sound and video."""
