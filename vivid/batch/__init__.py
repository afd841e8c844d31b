"""Many videos from a table: read row by row, made by workers with one loaded model each, resumed where they stopped."""
