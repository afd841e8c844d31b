"""The Compare tab: the same inputs made in two to four ways, watched in step, and kept under a link."""
