//! A database of one's own in the shared cluster.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::postgres::PgConnectOptions;
use tokio::sync::{mpsc, oneshot};

use super::PostgresError;
use super::maintenance::Maintenance;
use super::shared::{Membership, Owner, join};
use super::template::Template;

/// How many databases, or dead processes that left some, may wait until copies for the next are
/// made no longer.
const MOST_WAITING: usize = 4;

/// A database that nobody else uses, as its template describes. Close it to see that it is
/// dropped; a database that is only let go is dropped in the background, or by the next process
/// that comes, or with the cluster.
#[derive(Debug)]
pub struct IsolatedDatabase {
    name: String,
    member: Arc<Member>,
    closed: bool,
}

/// This process in the shared cluster, with the thread that works for it. A thread, because tests
/// have a runtime each and sessions cannot move between runtimes.
#[derive(Debug)]
struct Member {
    membership: Arc<Membership>,
    jobs: mpsc::UnboundedSender<Job>,
}

enum Job {
    Take {
        template: Template,
        reply: oneshot::Sender<Result<String, PostgresError>>,
    },
    Drop {
        name: String,
        reply: oneshot::Sender<Result<(), PostgresError>>,
    },
    /// Dropped when there is nothing better to do.
    LetGo {
        name: String,
    },
}

/// What is done when nobody waits for anything.
enum Chore {
    Sweep(Owner),
    Drop(String),
    Refill(Template),
}

impl IsolatedDatabase {
    /// Hands out a database, as the superuser's. The first call of a process joins the shared
    /// cluster, and starts it if it is the first process; the first call for a template builds it.
    ///
    /// # Errors
    /// PostgreSQL is missing or does not start, or the template's SQL fails.
    pub async fn create(template: &Template) -> Result<Self, PostgresError> {
        Self::create_as(Member::of_this_process().await?, template).await
    }

    async fn create_as(member: Arc<Member>, template: &Template) -> Result<Self, PostgresError> {
        let template = template.clone();
        let name = member.ask(|reply| Job::Take { template, reply }).await?;
        Ok(Self { name, member, closed: false })
    }

    /// The database's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to connect to it.
    pub fn options(&self) -> PgConnectOptions {
        self.member.membership.options(&self.name)
    }

    /// A URL that leads to it, through a Unix socket.
    pub fn url(&self) -> String {
        self.member.membership.url(&self.name)
    }

    /// Ends what is still connected to it, drops it, and waits until it is gone.
    ///
    /// # Errors
    /// The server refuses or is gone.
    pub async fn close(mut self) -> Result<(), PostgresError> {
        self.closed = true;
        let name = self.name.clone();
        self.member.ask(|reply| Job::Drop { name, reply }).await
    }
}

impl Drop for IsolatedDatabase {
    fn drop(&mut self) {
        if !self.closed {
            let name = self.name.clone();
            // If the thread is gone, the next process that joins drops it.
            let _ = self.member.jobs.send(Job::LetGo { name });
        }
    }
}

impl Member {
    async fn of_this_process() -> Result<Arc<Self>, PostgresError> {
        static MEMBER: Mutex<Option<Arc<Member>>> = Mutex::new(None);
        super::cluster::blocking(|| {
            let mut member = MEMBER.lock().unwrap_or_else(PoisonError::into_inner);
            match &*member {
                // One whose server died is replaced.
                Some(member) if !member.jobs.is_closed() => Ok(Arc::clone(member)),
                _ => Ok(Arc::clone(member.insert(Arc::new(Self::new(join()?)?)))),
            }
        })
        .await
    }

    fn new((membership, dead): (Membership, Vec<Owner>)) -> Result<Self, PostgresError> {
        let membership = Arc::new(membership);
        let (jobs, queue) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| PostgresError::Interrupted(error.to_string()))?;
        let maintenance = runtime.block_on(Maintenance::connect(&membership))?;
        let worker = Worker {
            membership: Arc::clone(&membership),
            maintenance,
            queue,
            chores: dead.into_iter().map(Chore::Sweep).collect(),
        };
        std::thread::Builder::new()
            .name("harness-postgres".to_owned())
            .spawn(move || runtime.block_on(worker.work()))
            .map_err(|error| PostgresError::Interrupted(error.to_string()))?;
        Ok(Self { membership, jobs })
    }

    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, PostgresError>>) -> Job,
    ) -> Result<T, PostgresError> {
        let (reply, answer) = oneshot::channel();
        let gone = || PostgresError::Interrupted("the shared cluster's server is gone".to_owned());
        self.jobs.send(job(reply)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

struct Worker {
    membership: Arc<Membership>,
    maintenance: Maintenance,
    queue: mpsc::UnboundedReceiver<Job>,
    chores: VecDeque<Chore>,
}

impl Worker {
    /// Jobs come first, chores when there is no job, and never before the first job, which somebody
    /// is about to give. Ends when the session is lost.
    async fn work(mut self) {
        let mut served = false;
        loop {
            let job = if self.chores.is_empty() || !served {
                self.queue.recv().await
            } else {
                self.queue.try_recv().ok()
            };
            served = true;
            let alive = match job {
                Some(job) => self.perform(job).await,
                None => match self.chores.pop_front() {
                    Some(chore) => self.perform_chore(chore).await,
                    None => return,
                },
            };
            if !alive {
                return;
            }
        }
    }

    /// Whether the session still lives. That nobody waits for the answer any more is no matter:
    /// the database is then let go.
    async fn perform(&mut self, job: Job) -> bool {
        match job {
            Job::Take { template, reply } => {
                let taken = self.maintenance.take(&self.membership, &template).await;
                let alive = lives(&taken);
                if taken.is_ok() {
                    self.plan_refill(template);
                }
                if let Err(Ok(name)) = reply.send(taken) {
                    self.chores.push_front(Chore::Drop(name));
                }
                alive
            }
            Job::Drop { name, reply } => {
                let dropped = self.maintenance.drop_database(&name).await;
                let alive = lives(&dropped);
                let _ = reply.send(dropped);
                alive
            }
            Job::LetGo { name } => {
                self.chores.push_front(Chore::Drop(name));
                true
            }
        }
    }

    /// In a short process the first chore is the only one, and the server ends it when the process
    /// is gone: so the next one finds a copy, unless too many databases wait to be dropped.
    fn plan_refill(&mut self, template: Template) {
        if self.chores.len() > MOST_WAITING {
            self.chores.push_back(Chore::Refill(template));
        } else {
            self.chores.push_front(Chore::Refill(template));
        }
    }

    async fn perform_chore(&mut self, chore: Chore) -> bool {
        let done = match chore {
            Chore::Sweep(owner) => match self.maintenance.drop_one_of(&owner).await {
                // One at a time, so that nobody waits for all of them.
                Ok(true) => {
                    self.chores.push_back(Chore::Sweep(owner));
                    Ok(())
                }
                done => done.map(drop),
            },
            Chore::Drop(name) => self.maintenance.drop_database(&name).await,
            Chore::Refill(template) => self.maintenance.refill(&template).await,
        };
        if let Err(error) = &done {
            tracing::debug!("{error}");
        }
        lives(&done)
    }
}

/// Whether the session can go on after this: the server answered, if only with a refusal.
fn lives<T>(result: &Result<T, PostgresError>) -> bool {
    match result {
        Err(PostgresError::Database { source, .. }) => source.as_database_error().is_some(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::binaries::Binaries;
    use super::super::connection::connect;
    use super::super::shared::join_in;
    use super::*;
    use crate::environment::wait::wait_until;
    use std::collections::BTreeSet;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Child, ChildStdout, Command, Stdio};
    use std::time::Duration;

    const STORAGE: &str = "HARNESS_TEST_STORAGE";
    const LINGER: Duration = Duration::from_millis(200);

    fn template() -> Template {
        let sql = |name: &str, sql: &str| (name.to_owned(), sql.to_owned());
        Template::from_sql([
            sql("1", "CREATE TABLE events (id int)"),
            sql("2", "INSERT INTO events VALUES (1); INSERT INTO events VALUES (2)"),
        ])
    }

    /// A folder for a shared cluster that only one test has.
    fn storage() -> tempfile::TempDir {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o711)).unwrap();
        folder
    }

    async fn member_in(storage: &Path) -> Arc<Member> {
        let storage = storage.to_owned();
        let join = move || Member::new(join_in(&storage, Binaries::find()?, LINGER)?);
        Arc::new(super::super::cluster::blocking(join).await.unwrap())
    }

    fn cluster_in(storage: &Path) -> std::path::PathBuf {
        let mut folders = std::fs::read_dir(storage).unwrap().flatten();
        folders
            .find(|entry| entry.file_name().to_string_lossy().starts_with("shared-"))
            .expect("a shared cluster was started here")
            .path()
            .join("cluster")
    }

    async fn count(database: &IsolatedDatabase) -> i64 {
        let mut connection = connect(&database.options()).await.unwrap();
        sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&mut connection).await.unwrap()
    }

    async fn exists(member: &Member, name: &str) -> bool {
        let mut connection = connect(&member.membership.options("postgres")).await.unwrap();
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
            .bind(name)
            .fetch_one(&mut connection)
            .await
            .unwrap()
    }

    async fn wait_until_dropped(member: &Member, name: &str) {
        let wait = async {
            while exists(member, name).await {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), wait)
            .await
            .unwrap_or_else(|_| panic!("in vain: {name} is dropped"));
    }

    #[tokio::test]
    async fn databases_are_equal_apart_and_dropped() {
        let one = IsolatedDatabase::create(&template()).await.unwrap();
        let two = IsolatedDatabase::create(&template()).await.unwrap();
        assert_ne!(one.name(), two.name());
        let mut connection = connect(&one.url().parse().unwrap()).await.unwrap();
        sqlx::raw_sql("INSERT INTO events VALUES (3)").execute(&mut connection).await.unwrap();
        assert_eq!((count(&one).await, count(&two).await), (3, 2));

        let (member, closed, let_go) =
            (Arc::clone(&one.member), one.name.clone(), two.name.clone());
        // With a session that is still open.
        one.close().await.unwrap();
        assert!(!exists(&member, &closed).await);
        drop(two);
        wait_until_dropped(&member, &let_go).await;
    }

    #[tokio::test]
    async fn a_template_that_fails_says_where_and_can_be_mended() {
        let wrong = Template::from_sql([("007_wrong.sql".to_owned(), "SELEC 1".to_owned())]);
        for _ in 0..2 {
            let message = IsolatedDatabase::create(&wrong).await.unwrap_err().to_string();
            assert!(message.contains("007_wrong.sql"), "{message}");
        }
        let database = IsolatedDatabase::create(&Template::empty()).await.unwrap();
        database.close().await.unwrap();
    }

    /// A test that runs once more, as a process of its own that holds a database.
    struct Holder {
        child: Child,
        /// Held open until the child ends, which could not report its success otherwise.
        _output: BufReader<ChildStdout>,
        database: String,
        server_started: String,
    }

    fn start_holder(test: &str, storage: &Path) -> Holder {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture"])
            .arg(format!("environment::postgres::isolated_database::tests::{test}"))
            .env(STORAGE, storage)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let said = output
            .by_ref()
            .lines()
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once("has: ")?.1.to_owned()))
            .expect("the process takes a database");
        let (database, server_started) = said.split_once(' ').unwrap();
        Holder {
            child,
            _output: output,
            database: database.to_owned(),
            server_started: server_started.to_owned(),
        }
    }

    /// In such a process: takes a database, says so, and waits for the end of its input.
    #[expect(clippy::print_stdout, reason = "the parent reads it")]
    async fn hold_a_database(storage: &Path) {
        let member = member_in(storage).await;
        let database = IsolatedDatabase::create_as(member, &template()).await.unwrap();
        assert_eq!(count(&database).await, 2);
        let mut connection = connect(&database.options()).await.unwrap();
        let started: String = sqlx::query_scalar("SELECT pg_postmaster_start_time()::text")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        println!("has: {} {started}", database.name());
        std::io::stdout().flush().unwrap();
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        database.close().await.unwrap();
    }

    #[tokio::test]
    async fn processes_that_race_share_a_server_that_stops_after_the_last() {
        if let Some(storage) = std::env::var_os(STORAGE) {
            return hold_a_database(Path::new(&storage)).await;
        }
        let test = "processes_that_race_share_a_server_that_stops_after_the_last";
        let storage = storage();
        let mut holders: Vec<Holder> = std::thread::scope(|scope| {
            let racers: Vec<_> =
                (0..6).map(|_| scope.spawn(|| start_holder(test, storage.path()))).collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        let servers: BTreeSet<_> = holders.iter().map(|holder| &holder.server_started).collect();
        assert_eq!(servers.len(), 1, "one server for all: {servers:?}");
        let databases: BTreeSet<_> = holders.iter().map(|holder| &holder.database).collect();
        assert_eq!(databases.len(), holders.len(), "each has its own: {databases:?}");

        let cluster = cluster_in(storage.path());
        let pid_file = std::fs::read_to_string(cluster.join("state/postmaster.pid")).unwrap();
        let process = pid_file.lines().next().unwrap().to_owned();
        for holder in &mut holders {
            drop(holder.child.stdin.take());
            assert!(holder.child.wait().unwrap().success());
        }
        wait_until("the keeper removes the cluster", || !cluster.exists());
        wait_until("the server is gone", || !Path::new("/proc").join(&process).exists());
    }

    #[tokio::test]
    async fn databases_of_a_killed_process_are_dropped_by_the_next_that_comes() {
        if let Some(storage) = std::env::var_os(STORAGE) {
            return hold_a_database(Path::new(&storage)).await;
        }
        let test = "databases_of_a_killed_process_are_dropped_by_the_next_that_comes";
        let storage = storage();
        let mut holder = start_holder(test, storage.path());
        let first = member_in(storage.path()).await;
        let name = holder.database.as_str();
        assert!(exists(&first, name).await, "its owner lives");
        holder.child.kill().unwrap();
        holder.child.wait().unwrap();
        assert!(exists(&first, name).await, "nobody has come since");

        let next = member_in(storage.path()).await;
        let database = IsolatedDatabase::create_as(Arc::clone(&next), &template()).await;
        wait_until_dropped(&next, name).await;
        drop((first, next, database));
        let cluster = cluster_in(storage.path());
        wait_until("the keeper removes the cluster", || !cluster.exists());
    }

    #[tokio::test]
    async fn a_killed_server_is_replaced_for_the_next_that_comes() {
        let storage = storage();
        let first = member_in(storage.path()).await;
        let cluster = cluster_in(storage.path());
        let pid_file = std::fs::read_to_string(cluster.join("state/postmaster.pid")).unwrap();
        let process: i32 = pid_file.lines().next().unwrap().parse().unwrap();
        let process = rustix::process::Pid::from_raw(process).unwrap();
        rustix::process::kill_process(process, rustix::process::Signal::KILL).unwrap();
        let gone = async {
            while IsolatedDatabase::create_as(Arc::clone(&first), &template()).await.is_ok() {}
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.unwrap();

        let next = member_in(storage.path()).await;
        let database = IsolatedDatabase::create_as(next, &template()).await.unwrap();
        assert_eq!(count(&database).await, 2);
        database.close().await.unwrap();
        drop(first);
        wait_until("the keeper removes the cluster", || !cluster.exists());
    }

    #[tokio::test]
    async fn a_server_whose_files_were_removed_stops_too() {
        let storage = storage();
        let member = member_in(storage.path()).await;
        let cluster = cluster_in(storage.path());
        let pid_file = std::fs::read_to_string(cluster.join("state/postmaster.pid")).unwrap();
        let stat = Path::new("/proc").join(pid_file.lines().next().unwrap()).join("stat");
        // This process started it, so it stays as a zombie until this process ends.
        let runs = || std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z "));
        drop(storage);
        assert!(runs());
        drop(member);
        wait_until("the server is gone", || !runs());
    }
}
