"""The program next to the machines: whatever its collectors read waits in a durable queue until the server has it."""
