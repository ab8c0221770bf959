//! The three stories in a real browser (Chromium by WebDriver), with the accessibility checks of axe-core and a picture
//! of every page under `target/screenshots/`, at desktop and at phone width.

mod drafts;
mod screen;
mod sign_in;
mod site;
mod stories;
mod tour;
