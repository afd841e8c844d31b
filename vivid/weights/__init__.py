"""Where weights come from: those that ship, the hub, and conversion."""
