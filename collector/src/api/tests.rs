//! The API as its users meet it: requests in, answers out.
