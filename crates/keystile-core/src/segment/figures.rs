//! Figures: numbers that the writer publishes by name, for all processes of the machine.
//!
//! What the agent counts, or did last, and a worker must be able to tell goes here, without a change of the layout for
//! each. A figure keeps its place, so its name is written once; it outlives the writer, and the next one counts on.

use super::catalogue::{FIGURES, figure_at};
use super::header::Header;
use super::layout::MAX_FIGURES;
use super::writer::Writer;
use super::{Result, SegmentError};
use crate::scope::is_name;

impl Writer {
    /// Publishes `value` as the figure called `name`.
    ///
    /// # Errors
    /// If the name is not one that a scope could have, or there are 48 others.
    pub fn set_figure(&self, name: &str, value: u64) -> Result<()> {
        let place = self.place_of(name)?;
        self.header().set(figure_at(place), value);
        Ok(())
    }

    /// Adds to the figure called `name`, which begins at 0 with the segment and does not go back with a new writer.
    ///
    /// # Errors
    /// As [`Writer::set_figure`].
    pub fn add_to_figure(&self, name: &str, more: u64) -> Result<()> {
        let place = self.place_of(name)?;
        let header = self.header();
        header.set(figure_at(place), header.get(figure_at(place)).wrapping_add(more));
        Ok(())
    }

    fn place_of(&self, name: &str) -> Result<usize> {
        let Header(facts) = self.header();
        if let Some(place) = FIGURES.find(facts, name) {
            return Ok(place);
        }
        if !is_name(name) || FIGURES.len(facts) >= MAX_FIGURES {
            return Err(SegmentError::Invalid(format!("no room for the figure {name:?}, or no name for one")));
        }
        Ok(FIGURES.add(facts, name, |_| ()))
    }
}
