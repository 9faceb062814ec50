"""A package, so that ``tests`` is this one: horama installs one of that name beside itself."""
