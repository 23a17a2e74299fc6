"""What the figures are compared with. Fixed: a change here makes old figures worthless."""
