"""The method's networks in small on top of the layers: each layered frame plus the difference that they predict."""
