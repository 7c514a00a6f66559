//! Starting the parts: everything, or the encoder alone.

use std::sync::Arc;

use anyhow::Context;

use crate::config::Config;
use crate::folder::Folder;
use crate::house::{self, Doors, House, Services, patiently};
use crate::{metrics, server};

impl House {
    /// Starts every part, and lets requests in.
    pub(crate) async fn start(
        &self,
        services: &mut Services,
        config: &Config,
        folder: &Folder,
        doors: Doors,
    ) -> anyhow::Result<()> {
        self.clear(folder).await;
        let (db, unchecked) = (self.db.clone(), self.unchecked);
        services.start("database", |stop| house::keep_sound(db, unchecked, stop));
        if let Some(mail) = &self.mail {
            let mails = notify::Service::new(self.outbox.clone(), mail.clone(), self.identity.renderer());
            services.start("mail", |stop| mails.run(stop));
        }
        let playback = playback::Service::new(self.playback.clone());
        services.start("playback", |stop| playback.run(stop));
        let (intake, caretaker) = (self.pipeline.intake(), self.pipeline.caretaker());
        services.start("intake", |stop| intake.run(stop));
        services.start("caretaker", |stop| caretaker.run(stop));
        let remover = self.pipeline.remover();
        services.start("remover", |stop| remover.run(stop));
        let sweeper = self.blob.sweeper();
        services.start("sweeper", |stop| async {
            sweeper.run(stop).await;
            Ok(())
        });
        let scrubber = self.pipeline.scrubber();
        services.start("scrubber", |stop| scrubber.run(stop));
        let abandoned = self.uploads.sweeper();
        services.start("uploads", |stop| abandoned.run(stop));
        self.start_worker(services, config, folder).await?;
        let (s3, door) = (Arc::new(self.s3(config)?), house::s3_door(config, doors.s3, doors.s3_tls));
        services.start("s3", |stop| async {
            door.run(s3, stop).await;
            Ok(())
        });
        let edge = self.edge(services, config, doors.edge)?;
        services.start("edge", |stop| async move { Ok(edge.run(stop).await?) });
        if let Some(address) = config.metrics.listen {
            let listener = house::listen(address, "metrics", "`metrics.listen`").await?;
            let (figures, token) = (self.metrics.clone(), config.metrics.token.clone());
            services.start("metrics", |stop| metrics::run(listener, figures, token, stop));
        }
        let house = self.clone();
        services.start("control", |stop| server::run(doors.control, house, stop));
        // Last: once in its life it keeps the writer of a large database for minutes, and a start does not wait so long.
        let identity = identity::Service::new(self.identity.clone());
        services.start("identity", |stop| identity.run(stop));
        Ok(())
    }

    /// Deletes what the process before had half-written when it was killed, which may be most of the disk. An encoder
    /// beside this process writes there, too: with one it is left to the sweeper, which waits an hour.
    async fn clear(&self, folder: &Folder) {
        let cleared = async {
            let Some(alone) = folder.alone()? else { return Ok(()) };
            let half = self.blob.half_written().await?;
            // An encoder that starts now may begin: no name comes twice.
            drop(alone);
            let cleared = half.delete().await?;
            if cleared.files > 0 {
                tracing::info!(files = cleared.files, "half-written files deleted");
            }
            anyhow::Ok(())
        };
        if let Err(error) = cleared.await {
            tracing::warn!(error = format!("{error:#}"), "cannot delete half-written files yet");
        }
    }

    /// Starts the encoder.
    pub(crate) async fn start_worker(
        &self,
        services: &mut Services,
        config: &Config,
        folder: &Folder,
    ) -> anyhow::Result<()> {
        // Nobody else has these names while the folder is ours, so whatever one before held died with it.
        let name = folder.worker();
        let mut again = 0;
        for former in [name, folder.former_worker()] {
            again += patiently(async || Ok(self.pipeline.succeed(former).await?)).await?;
        }
        if again > 0 {
            tracing::info!(jobs = again, "jobs of the previous process resume");
        }
        if config.worker.slots == 0 {
            return Ok(());
        }
        let tools =
            encode::Tools::find().context("encoding needs ffmpeg; on Debian: apt-get install ffmpeg")?;
        let layers = self.jail.layers().await?;
        let missing = layers.missing();
        anyhow::ensure!(
            missing.is_empty() || self.jail.permits_missing_layers(),
            "uploads are hostile and this system lacks layers of their jail: {missing}; use a Linux with Landlock and \
             seccomp, or read about `worker.allow_incomplete_jail` in docs/operate.md"
        );
        if !missing.is_empty() {
            tracing::error!(%missing, "uploads are opened in an incomplete jail (worker.allow_incomplete_jail)");
        }
        tracing::info!(ffmpeg = tools.version(), jail = %layers, slots = config.worker.slots, "worker");
        let worker = worker::Worker::new(
            name.to_owned(),
            &config.worker,
            self.jobs.clone(),
            self.pipeline.clone(),
            self.blob.clone(),
            tools,
            self.jail.clone(),
            folder.scratch(),
        );
        services.start("worker", |stop| worker.run(stop));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::house::testing;

    #[tokio::test]
    async fn what_was_half_written_goes_when_nobody_else_writes() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let house = testing::open(&folder).await;
        let half = folder.join("objects/tmp/0123");
        std::fs::write(&half, "half").unwrap();
        let encoder = Folder::open_beside(dir.path()).unwrap();
        house.clear(&folder).await;
        assert!(half.exists(), "it may be the encoder's");
        drop(encoder);
        house.clear(&folder).await;
        assert!(!half.exists());
    }
}
