"""Why a policy cannot be used: it does not exist, or it cannot do what the renter asks of it."""


class PolicyNotFound(ValueError):
    """No policy has that name, or the module or class that it names is not there."""


class PolicyUnfit(ValueError):
    """The policy exists, but not with these options, for these jobs or service, or on these offers."""
