//! What stands in a request's headers.

/// What a request brought to be checked.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// Nothing.
    Missing,
    /// More than one credential: none of them is looked at.
    Multiple,
    /// Something else than a bearer token.
    Malformed,
    /// A bearer token.
    Token(&'a [u8]),
}

impl<'a> Credential<'a> {
    /// From the values of all `Authorization` headers of a request (RFC 6750: `Bearer`, in any case, one space, token).
    pub fn from_headers(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut values = values.into_iter();
        let Some(value) = values.next() else { return Self::Missing };
        if values.next().is_some() {
            return Self::Multiple;
        }
        match value.split_at_checked(7) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => Self::Token(token),
            _ => Self::Malformed,
        }
    }
}
