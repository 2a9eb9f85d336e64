//! Views of the records: JUnit XML, JSON, markdown.
