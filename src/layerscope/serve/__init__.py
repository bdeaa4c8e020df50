"""The local server: runs listed, reports opened, work started and cancelled in a browser."""
