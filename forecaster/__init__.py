"""History in, quantile forecast out. Importing this package loads nothing heavy: name the module you need."""
