"""What can go wrong when samples are written into Prometheus."""


class RemoteWriteError(Exception):
    """Prometheus did not take the samples; the text is one sentence."""


class TooLateError(RemoteWriteError):
    """It holds other values of the same moments, or takes none so old: writing again would change nothing."""
