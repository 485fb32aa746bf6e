"""What operations answer for: intervals, voltage quality, reliability, demand. Pure but for the command's shell."""
