//! What a key is: its algorithm, what it may be used for, where its material comes from, what protects it.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! wire_enum {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)*
        }

        impl $name {
            /// Every value, as the wire spells it.
            pub const NAMES: &[&str] = &[$($text),*];

            /// Parses the wire's spelling; case counts.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)* _ => None }
            }

            /// The wire's spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

wire_enum!(
    /// The algorithm of a key (wire contract, section 7.1).
    KeySpec {
        /// AES-256, used as XAES-256-GCM.
        Aes256 => "Aliyun_AES_256",
        /// SM4, used as SM4-GCM (RFC 8998).
        Sm4 => "Aliyun_SM4",
    }
);

wire_enum!(
    /// What a key may be used for.
    KeyUsage {
        /// Encryption and decryption.
        EncryptDecrypt => "ENCRYPT/DECRYPT",
    }
);

wire_enum!(
    /// Where a key's material comes from.
    KeyOrigin {
        /// Made by this daemon.
        Kms => "Aliyun_KMS",
        /// Brought by its owner.
        External => "EXTERNAL",
    }
);

wire_enum!(
    /// What protects a key's material while it is used.
    ProtectionLevel {
        /// The daemon's own memory.
        Software => "SOFTWARE",
    }
);

impl KeySpec {
    /// Length of the secret material, bytes.
    pub const fn material_bytes(self) -> usize {
        match self {
            Self::Aes256 => 32,
            Self::Sm4 => 16,
        }
    }

    /// The usage of a key whose maker named none.
    pub const fn default_usage(self) -> KeyUsage {
        match self {
            Self::Aes256 | Self::Sm4 => KeyUsage::EncryptDecrypt,
        }
    }

    /// Whether one version after another may become primary.
    pub const fn has_primary_version(self) -> bool {
        match self {
            Self::Aes256 | Self::Sm4 => true,
        }
    }

    /// How many messages one version may encrypt, if that has to be counted: with random nonces of 12 bytes a version
    /// is safe for 2^32 messages (NIST SP 800-38D, section 8.3), which a busy daemon reaches in days. With XAES's 24 bytes
    /// it is safe for 2^80.
    pub const fn is_counted(self) -> bool {
        match self {
            Self::Aes256 => false,
            Self::Sm4 => true,
        }
    }
}
