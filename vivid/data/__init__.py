"""From raw footage to clips that training reads: the paper's data pipeline (section 4.1)."""
