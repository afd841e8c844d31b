"""The networks of the method, on diffusers' own classes."""
