//! Which image each container is made from: built by the system's own command, or pulled.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use testcontainers::bollard::Docker;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, GenericImage, TestcontainersError};
use tokio::process::Command;

use super::engine::find_engine;
use super::error::ContainersError;
use crate::system::{PartDescription, System};

/// The variables that name other images than the system file does.
const DATABASE_VARIABLE: &str = "HARNESS_POSTGRES_IMAGE";
const PROXY_VARIABLE: &str = "HARNESS_TOXIPROXY_IMAGE";

/// References of images that the engine has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// By the name of the kind of part.
    pub parts: BTreeMap<String, String>,
    /// Of the proxy.
    pub proxy: String,
    /// Of PostgreSQL.
    pub database: String,
}

/// Has every image of a system built or pulled that the engine does not have. What takes long is
/// announced on standard error.
///
/// # Errors
/// No engine answers, the command that builds fails, or an image cannot be pulled.
pub(in crate::environment) async fn prepare_images(
    system: &System,
) -> Result<Images, ContainersError> {
    let docker = find_engine().await?;
    let mut images = named_images(system)?;
    if system.database.is_some()
        && std::env::var(DATABASE_VARIABLE).is_err()
        && let Some(otherwise) = &system.images.database_otherwise
        && !is_built(system, &images.database)
        && let Err(error) =
            ensure(&docker, &images.database, &format!("taking {otherwise} instead")).await
    {
        eprintln!("{error}");
        images.database.clone_from(otherwise);
    }
    let built = build(system, &images).await?;
    let mend = |variable: &str| format!("name another with {variable} or in the system file");
    for (image, mend) in images
        .parts
        .iter_mut()
        .map(|(part, image)| (image, mend(&part_variable(part))))
        .chain([(&mut images.proxy, mend(PROXY_VARIABLE))])
        .chain(system.database.as_ref().map(|_| (&mut images.database, mend(DATABASE_VARIABLE))))
    {
        match built.get(last_part(image)) {
            Some(reference) if is_built(system, image) => image.clone_from(reference),
            _ => ensure(&docker, image, &mend).await?,
        }
    }
    Ok(images)
}

/// The variable that names another image for a part, as `HARNESS_SERVER_IMAGE`.
fn part_variable(part: &str) -> String {
    let letters = part.chars().map(|letter| match letter.is_ascii_alphanumeric() {
        true => letter.to_ascii_uppercase(),
        false => '_',
    });
    format!("HARNESS_{}_IMAGE", letters.collect::<String>())
}

/// The images as the system file and the environment name them.
fn named_images(system: &System) -> Result<Images, ContainersError> {
    // What a variable names is never built.
    let named = |variable: &str| match std::env::var(variable) {
        Ok(image) if has_tag(&image) => Some(image),
        Ok(image) => Some(format!("{image}:latest")),
        Err(_) => None,
    };
    let or = |variable, described: &String| named(variable).unwrap_or_else(|| described.clone());
    let image_of = |part: &PartDescription| {
        let image = named(&part_variable(&part.name)).or_else(|| part.image.clone());
        let image = image.ok_or_else(|| ContainersError::NoImage(part.name.clone()))?;
        Ok((part.name.clone(), image))
    };
    Ok(Images {
        parts: system.parts.iter().map(image_of).collect::<Result<_, _>>()?,
        proxy: or(PROXY_VARIABLE, &system.images.proxy),
        database: or(DATABASE_VARIABLE, &system.images.database),
    })
}

/// An image with a tag or a digest is taken as it is; one without is built, if there is a command
/// that builds.
fn is_built(system: &System, image: &str) -> bool {
    !system.images.build.is_empty() && !has_tag(image)
}

/// Or a digest.
fn has_tag(image: &str) -> bool {
    last_part(image).contains([':', '@'])
}

/// `server` of `example.org/team/server`.
fn last_part(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}

/// Runs the command that builds, once for all images, and returns the references that it prints,
/// by name.
async fn build(
    system: &System,
    images: &Images,
) -> Result<BTreeMap<String, String>, ContainersError> {
    let names: BTreeSet<&str> = (images.parts.values().chain([&images.proxy, &images.database]))
        .filter(|image| is_built(system, image))
        .map(|image| last_part(image))
        .collect();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let names: Vec<&str> = names.into_iter().collect();
    let command = format!("{} {}", system.images.build.join(" "), names.join(" "));
    let failed = |why: String| ContainersError::Build { command: command.clone(), why };
    eprintln!("building the images {} (nothing to do if they are fresh)", names.join(", "));
    // The command's own words go to our standard error as they come.
    let program = &system.images.build[0];
    let output = match program.contains('/') {
        true => Command::new(system.folder.join(program)),
        false => Command::new(program),
    }
    .args(&system.images.build[1..])
    .args(&names)
    .current_dir(&system.folder)
    .stdin(Stdio::null())
    .stderr(Stdio::inherit())
    .kill_on_drop(true)
    .output()
    .await
    .map_err(|error| failed(format!("cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed ({}); it says why above", output.status)));
    }
    let built = references(&String::from_utf8_lossy(&output.stdout));
    match names.iter().find(|name| !built.contains_key(**name)) {
        Some(missing) => Err(failed(format!("printed no line `{missing} REFERENCE`"))),
        None => Ok(built),
    }
}

/// Lines of `name reference`.
fn references(told: &str) -> BTreeMap<String, String> {
    let pairs = told.lines().filter_map(|line| line.trim().split_once(' '));
    pairs.map(|(name, reference)| (name.to_owned(), reference.trim().to_owned())).collect()
}

/// Pulls an image that the engine does not have.
async fn ensure(docker: &Docker, image: &str, mend: &str) -> Result<(), ContainersError> {
    if docker.inspect_image(image).await.is_ok() {
        return Ok(());
    }
    eprintln!("pulling the image {image}");
    pull(image).await.map_err(|source| ContainersError::Pull {
        image: image.to_owned(),
        source: Box::new(source),
        mend: mend.to_owned(),
    })
}

async fn pull(image: &str) -> Result<(), TestcontainersError> {
    let _: ContainerRequest<GenericImage> = generic_image(image).pull_image().await?;
    Ok(())
}

/// An image as testcontainers wants it, in two halves that it joins by a colon again.
pub(super) fn generic_image(reference: &str) -> GenericImage {
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => GenericImage::new(name, tag),
        _ => GenericImage::new(reference, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_a_variable() {
        assert_eq!(part_variable("server"), "HARNESS_SERVER_IMAGE");
        assert_eq!(part_variable("event-store.2"), "HARNESS_EVENT_STORE_2_IMAGE");
    }
    use testcontainers::Image;

    #[test]
    fn a_reference_keeps_its_registry_tag_and_digest() {
        let cases = [
            ("postgres:17", "postgres", "17"),
            ("localhost:5000/team/server", "localhost:5000/team/server", "latest"),
            ("localhost:5000/team/server:2", "localhost:5000/team/server", "2"),
            ("server@sha256:0a1b", "server@sha256", "0a1b"),
        ];
        for (reference, name, tag) in cases {
            let image = generic_image(reference);
            assert_eq!((image.name(), image.tag()), (name, tag), "{reference}");
        }
    }

    #[test]
    fn the_last_part_of_a_name_without_a_tag_is_what_the_command_is_asked_for() {
        for (image, name) in [
            ("server", Some("server")),
            ("team/server", Some("server")),
            ("localhost:5000/team/server", Some("server")),
            ("localhost:5000/team/server:2", None),
            ("server@sha256:0a1b", None),
        ] {
            assert_eq!((!has_tag(image)).then(|| last_part(image)), name);
        }
    }

    #[test]
    fn what_the_command_prints_is_read_line_by_line() {
        let told = "server team/server:1\n\nagent  team/agent:2 \nnothing\n";
        let expected = [("server", "team/server:1"), ("agent", "team/agent:2")];
        let expected = expected.map(|(name, image)| (name.to_owned(), image.to_owned()));
        assert_eq!(references(told), expected.into());
    }
}
