"""Simulated meters on a simulated feeder: for tests, demos and training. Imports drivers, never agent."""
