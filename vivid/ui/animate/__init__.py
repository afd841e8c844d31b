"""The Animate tab: three cards of inputs beside one stage that shows what becomes of them."""
