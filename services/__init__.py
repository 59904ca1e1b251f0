"""floorstream: the stages of the road of a scan."""
