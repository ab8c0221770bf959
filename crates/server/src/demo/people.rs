//! Who plays in the story: the organizations, teams and people by short names. Everybody is invented.

use liaison_domain::{CareRole, Role};

/// The organizations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum House {
    /// The infusion clinic.
    Clinic,
    /// The cancer center.
    Cancer,
    /// The palliative service.
    Palliative,
}

/// The teams that can be addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Team {
    /// The oncologists, by e-mail and webhook.
    Oncology,
    /// The oncologist on call, by e-mail and telephone.
    OnCall,
    /// Thoracic surgery, which has nothing to do with the journeys' patients.
    Surgery,
    /// The palliative team, by e-mail and webhook.
    Palliative,
}

impl Team {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Oncology, Self::OnCall, Self::Surgery, Self::Palliative];

    /// Its name in the directory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Oncology => "Breast and thoracic oncology",
            Self::OnCall => "Oncologist on call",
            Self::Surgery => "Thoracic surgery",
            Self::Palliative => "Palliative medicine",
        }
    }

    /// Its short name in the story.
    pub(crate) fn short(self) -> &'static str {
        match self {
            Self::Oncology => "oncology",
            Self::OnCall => "on call",
            Self::Surgery => "surgery",
            Self::Palliative => "palliative",
        }
    }

    /// Where it belongs.
    pub(crate) fn house(self) -> House {
        match self {
            Self::Oncology | Self::OnCall | Self::Surgery => House::Cancer,
            Self::Palliative => House::Palliative,
        }
    }

    /// The part it plays.
    pub(crate) fn care_role(self) -> CareRole {
        match self {
            Self::Oncology | Self::OnCall => CareRole::Oncologist,
            Self::Surgery => CareRole::Other,
            Self::Palliative => CareRole::PalliativeClinician,
        }
    }

    /// Its e-mail address; `.test` is reserved (RFC 6761) and leads nowhere.
    pub(crate) fn email(self) -> &'static str {
        match self {
            Self::Oncology => "oncology-team@cancer.example.test",
            Self::OnCall => "oncology-on-call@cancer.example.test",
            Self::Surgery => "thoracic-surgery@cancer.example.test",
            Self::Palliative => "palliative-team@palliative.example.test",
        }
    }

    /// Whether its system takes webhooks.
    pub(crate) fn has_webhook(self) -> bool {
        matches!(self, Self::Oncology | Self::Palliative)
    }
}

/// The people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Who {
    /// Signs and shares.
    Physician,
    /// Follows up loops and calls.
    Coordinator,
    /// Keeps the directory.
    Admin,
    /// Reads the audit.
    Auditor,
    /// The journeys' oncologist.
    Oncologist,
    /// A colleague, also on call.
    SecondOncologist,
    /// Leads the oncology team.
    OncologyLead,
    /// A surgeon who gets something by mistake.
    Surgeon,
    /// The journeys' palliative clinician.
    PalliativeClinician,
    /// Leads the palliative team.
    PalliativeLead,
}

impl Who {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::Physician,
        Self::Coordinator,
        Self::Admin,
        Self::Auditor,
        Self::Oncologist,
        Self::SecondOncologist,
        Self::OncologyLead,
        Self::Surgeon,
        Self::PalliativeClinician,
        Self::PalliativeLead,
    ];

    /// The person whom the journeys know by this identifier.
    pub(crate) fn of_journey(id: &str) -> Option<Self> {
        match id {
            "SYN-PRAC-001" => Some(Self::Physician),
            "SYN-PRAC-101" => Some(Self::Oncologist),
            "SYN-PRAC-201" => Some(Self::PalliativeClinician),
            _ => None,
        }
    }

    /// The name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Physician => "Dr. Imogen Sampleton",
            Self::Coordinator => "Cora Ordinata",
            Self::Admin => "Adma Nistrata",
            Self::Auditor => "Audra Revisor",
            Self::Oncologist => "Dr. Oncor Fabricato",
            Self::SecondOncologist => "Dr. Secunda Fictiva",
            Self::OncologyLead => "Leda Pretendson",
            Self::Surgeon => "Dr. Scalpella Imaginari",
            Self::PalliativeClinician => "Dr. Palla Confortini",
            Self::PalliativeLead => "Lenia Mockman",
        }
    }

    /// The e-mail address.
    pub(crate) fn email(self) -> &'static str {
        match self {
            Self::Physician => "imogen.sampleton@clinic.example.test",
            Self::Coordinator => "cora.ordinata@clinic.example.test",
            Self::Admin => "adma.nistrata@clinic.example.test",
            Self::Auditor => "audra.revisor@clinic.example.test",
            Self::Oncologist => "oncor.fabricato@cancer.example.test",
            Self::SecondOncologist => "secunda.fictiva@cancer.example.test",
            Self::OncologyLead => "leda.pretendson@cancer.example.test",
            Self::Surgeon => "scalpella.imaginari@cancer.example.test",
            Self::PalliativeClinician => "palla.confortini@palliative.example.test",
            Self::PalliativeLead => "lenia.mockman@palliative.example.test",
        }
    }

    /// The role.
    pub(crate) fn role(self) -> Role {
        match self {
            Self::Physician => Role::Physician,
            Self::Coordinator => Role::Coordinator,
            Self::Admin => Role::Admin,
            Self::Auditor => Role::Auditor,
            Self::OncologyLead | Self::PalliativeLead => Role::TeamLead,
            Self::Oncologist | Self::SecondOncologist | Self::Surgeon | Self::PalliativeClinician => Role::Clinician,
        }
    }

    /// Where the person works.
    pub(crate) fn house(self) -> House {
        match self {
            Self::Physician | Self::Coordinator | Self::Admin | Self::Auditor => House::Clinic,
            Self::Oncologist | Self::SecondOncologist | Self::OncologyLead | Self::Surgeon => House::Cancer,
            Self::PalliativeClinician | Self::PalliativeLead => House::Palliative,
        }
    }

    /// The person's teams.
    pub(crate) fn teams(self) -> &'static [Team] {
        match self {
            Self::Oncologist | Self::OncologyLead => &[Team::Oncology],
            Self::SecondOncologist => &[Team::Oncology, Team::OnCall],
            Self::Surgeon => &[Team::Surgery],
            Self::PalliativeClinician | Self::PalliativeLead => &[Team::Palliative],
            _ => &[],
        }
    }
}
