"""Small versions of the method's networks on top of the layers: each layered frame plus a predicted difference."""
