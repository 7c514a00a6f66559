//! The pages and the API through their router, on every database that is there.

mod browser;
mod gates;
#[path = "../../../api/tests/it/house.rs"]
mod house;
mod pages;
mod people;
mod playing;
mod signing_in;
mod uploading;
