//! The file schema.
