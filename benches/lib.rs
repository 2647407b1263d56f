//! Holds no code: the package exists for the bench targets beside this file.
