//! Which GPUs a process may use: CUDA_VISIBLE_DEVICES, in the words of the CUDA programming guide.

/// What the environment says about which GPUs are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Visible {
    /// In the order of the variable; none where it is not set, and all are.
    pub devices: Option<Vec<Selector>>,
    /// CUDA numbers the GPUs by their place on the bus (`CUDA_DEVICE_ORDER=PCI_BUS_ID`), as NVML
    /// does, and not the fastest first.
    pub by_bus: bool,
}

/// One word of the variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// A number in the order of CUDA.
    Index(u32),
    /// The beginning of a UUID, with `GPU-` or `MIG-` before it; or a whole one without.
    Uuid(String),
}

/// A GPU to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Its UUID.
    pub(crate) uuid: String,
    /// Its name: of GPUs with the same name none is faster.
    pub(crate) name: String,
    /// The UUIDs of its instances, where it is cut into some.
    pub(crate) instances: Vec<String>,
}

/// One that was chosen, by its number in the list of candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Number of the candidate.
    pub(crate) candidate: usize,
    /// The instance that is ours, where the whole GPU is not.
    pub(crate) instance: Option<String>,
}

impl Visible {
    /// From the environment of this process.
    pub fn from_env() -> Self {
        let variable = |name| std::env::var(name).ok();
        Self::new(
            variable("CUDA_VISIBLE_DEVICES").as_deref(),
            variable("CUDA_DEVICE_ORDER").as_deref(),
        )
    }

    /// From the values of CUDA_VISIBLE_DEVICES and CUDA_DEVICE_ORDER.
    ///
    /// As CUDA does, it reads up to the first word that is neither a number nor a UUID: `0,-1,1`
    /// is the first GPU alone, and an empty value is none.
    pub fn new(devices: Option<&str>, order: Option<&str>) -> Self {
        let read = |value: &str| value.split(',').map_while(|word| selector(word.trim())).collect();
        Self { devices: devices.map(read), by_bus: order == Some("PCI_BUS_ID") }
    }

    /// As CUDA tells it, where it is started already: that is final, whatever the variables say now.
    /// The UUIDs are without `GPU-` or `MIG-`, which CUDA does not tell.
    pub fn from_uuids(uuids: Vec<String>) -> Self {
        let devices = uuids.into_iter().map(Selector::Uuid).collect();
        Self { devices: Some(devices), by_bus: false }
    }

    /// Which of the candidates are used, in the order of the variable.
    ///
    /// # Errors
    /// A number where its meaning is not known, a UUID that no candidate or more than one has: one
    /// line with what to do.
    pub(crate) fn choose(&self, candidates: &[Candidate]) -> Result<Vec<Chosen>, String> {
        let Some(devices) = &self.devices else {
            let all = 0..candidates.len();
            return Ok(all.map(|candidate| Chosen { candidate, instance: None }).collect());
        };
        let mut chosen: Vec<Chosen> = Vec::new();
        for device in devices {
            let one = match device {
                Selector::Index(index) => self.numbered(*index, candidates)?,
                Selector::Uuid(start) => named(start, candidates)?,
            };
            // CUDA stops at the first number that it does not have.
            let Some(one) = one else { break };
            // Two instances of one GPU are one board.
            if !chosen.iter().any(|other| other.candidate == one.candidate) {
                chosen.push(one);
            }
        }
        Ok(chosen)
    }

    fn numbered(&self, index: u32, candidates: &[Candidate]) -> Result<Option<Chosen>, String> {
        let index = index as usize;
        let alike = candidates.windows(2).all(|pair| pair[0].name == pair[1].name);
        if self.by_bus || alike {
            return Ok(
                (index < candidates.len()).then_some(Chosen { candidate: index, instance: None })
            );
        }
        Err(format!(
            "CUDA_VISIBLE_DEVICES has the number {index}, and which of {} different GPUs CUDA gives \
             it is not known without starting CUDA; set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name the \
             GPU by its UUID",
            candidates.len()
        ))
    }
}

/// The GPU, or the instance, whose UUID begins so.
fn named(start: &str, candidates: &[Candidate]) -> Result<Option<Chosen>, String> {
    // Drivers before 470 named an instance by its GPU: MIG-GPU-<uuid>/<instance>/<part>.
    if let Some((gpu, _)) = start.strip_prefix("MIG-").and_then(|rest| rest.split_once('/')) {
        let whole = named(gpu, candidates)?;
        return Ok(whole.map(|one| Chosen { instance: Some(start.to_owned()), ..one }));
    }
    let mut found = Vec::new();
    let is = |uuid: &str| {
        uuid.starts_with(start) || uuid.get(4..).is_some_and(|unmarked| unmarked == start)
    };
    for (candidate, gpu) in candidates.iter().enumerate() {
        if is(&gpu.uuid) {
            found.push(Chosen { candidate, instance: None });
        }
        let instances = gpu.instances.iter().filter(|uuid| is(uuid));
        found.extend(instances.map(|uuid| Chosen { candidate, instance: Some(uuid.clone()) }));
    }
    match found.len() {
        1 => Ok(found.pop()),
        0 => Err(format!(
            "no GPU has the UUID `{start}` of CUDA_VISIBLE_DEVICES; `nvidia-smi -L` lists them"
        )),
        count => Err(format!(
            "{count} GPUs have a UUID that begins with `{start}`; write it out in \
             CUDA_VISIBLE_DEVICES"
        )),
    }
}

fn selector(word: &str) -> Option<Selector> {
    if word.starts_with("GPU-") || word.starts_with("MIG-") {
        return Some(Selector::Uuid(word.to_owned()));
    }
    word.parse().ok().map(Selector::Index)
}
