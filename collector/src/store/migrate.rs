//! The tables' steps, one SQL file each, frozen once released; a table remembers which were taken.
//!
//! ClickHouse has no transactions over DDL, so each file is one statement that may be run twice
//! (`IF NOT EXISTS`), and its number is recorded after it.

use clickhouse::error::Error;

use super::{Store, StoreError};

const STEPS: [&str; 5] = [
    include_str!("schema/0001_events.sql"),
    include_str!("schema/0002_samples.sql"),
    include_str!("schema/0003_host_units.sql"),
    include_str!("schema/0004_events_cloned.sql"),
    include_str!("schema/0005_files.sql"),
];

const STEPS_TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_steps (step UInt32, taken_at DateTime DEFAULT now()) \
                           ENGINE = MergeTree ORDER BY step";

impl Store {
    /// Takes the steps that the tables have not taken yet.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        let failed = |step| {
            move |source: Error| StoreError::Migrate {
                step,
                source: Box::new(source),
            }
        };
        self.client
            .query(STEPS_TABLE)
            .execute()
            .await
            .map_err(failed(0))?;
        let taken: u32 = self
            .client
            .query("SELECT max(step) FROM schema_steps")
            .fetch_one()
            .await
            .map_err(failed(0))?;
        let known = STEPS.len() as u32;
        if taken > known {
            return Err(StoreError::Newer { found: taken, known });
        }
        for (step, sql) in (1..).zip(STEPS).skip(taken as usize) {
            // The crate takes a question mark for a place to fill.
            self.client
                .query(&sql.replace('?', "??"))
                .execute()
                .await
                .map_err(failed(step))?;
            let record = "INSERT INTO schema_steps (step) SELECT {step: UInt32}";
            self.client
                .query(record)
                .param("step", step)
                .execute()
                .await
                .map_err(failed(step))?;
        }
        Ok(())
    }
}
