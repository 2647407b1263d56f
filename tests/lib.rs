//! Holds no code: the package exists for the test targets beside this file.
