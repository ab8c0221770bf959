//! Values computed from content: arithmetic on entered values, shown with inputs and method (content
//! specification 0.3). Nothing here advises.

pub mod dose;
pub mod haemodynamics;
pub mod mme;
pub mod response;
pub mod trend;
