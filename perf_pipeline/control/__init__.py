"""The control: a tiny server with fixed work that shares nothing with the target but the machine.

It is loaded in the same run as the target. Where it becomes slower with the target, it is the machine; where
it does not, it is the service.
"""
