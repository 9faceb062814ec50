"""A package, so that ``tests`` is this one: horama installs a package of that name beside itself."""
