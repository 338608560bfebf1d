use proptest::prelude::*;

use super::*;
use crate::ledger::testing::{hex, key, key_of};

// RFC 8032 section 7.1, tests 1 to 3: seed, public key, message, signature.
const RFC_8032: [[&str; 4]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

#[test]
fn rfc_8032_vectors_hold() {
    for [seed, public, message, signature] in RFC_8032.map(|vector| vector.map(hex)) {
        let key = LogKey::from_seed(&SecretBytes::new(seed)).unwrap();
        let signature: [u8; 64] = signature.try_into().unwrap();
        assert_eq!(key.public().as_bytes().as_slice(), public);
        assert_eq!(key.sign(&message), signature);
        assert!(key.public().verify(&message, &signature));
        assert!(!key.public().verify(b"another message", &signature));
    }
}

proptest! {
    #[test]
    fn both_signers_make_the_same_bytes(seed: [u8; 32], message: Vec<u8>) {
        let (portable, public) = portable::Signer::from_seed(&seed).unwrap();
        let key = LogKey::from_seed(&SecretBytes::new(seed.to_vec())).unwrap();
        prop_assert_eq!(*key.public().as_bytes(), public);
        prop_assert_eq!(key.sign(&message), portable.sign(&message));
    }
}

#[test]
fn seeds_of_another_length_are_refused() {
    for len in [0, 31, 33, 64] {
        let refused = LogKey::from_seed(&SecretBytes::new(vec![1; len]));
        assert_eq!(refused.unwrap_err(), KeyError::SeedLength(len));
    }
}

#[test]
fn weak_and_ambiguous_public_keys_are_refused() {
    let mut identity = [0; 32];
    identity[0] = 1;
    // y = 1 written as 1 + p: the same point in a non-canonical encoding.
    let mut noncanonical = [0xff; 32];
    (noncanonical[0], noncanonical[31]) = (0xee, 0x7f);
    // y = 3 + p, a point that is not weak; and y = 2, which is not on the curve.
    let mut shifted = noncanonical;
    shifted[0] = 0xf0;
    let mut off_curve = [0; 32];
    off_curve[0] = 2;
    for bytes in [[0; 32], identity, noncanonical, shifted, off_curve] {
        assert_eq!(
            LogPublicKey::try_from(bytes.as_slice()),
            Err(KeyError::PublicKey),
            "{bytes:?}"
        );
    }
    assert_eq!(
        LogPublicKey::try_from([0; 31].as_slice()),
        Err(KeyError::PublicKey)
    );
    let good = key().public();
    assert_eq!(LogPublicKey::try_from(good.as_bytes().as_slice()), Ok(good));
}

// The order of the group, little-endian: S + L verifies in a lax verifier, and would be a second signature.
#[test]
fn a_signature_has_no_second_form() {
    let order = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    let mut signature = key().sign(b"message");
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    assert!(!key().public().verify(b"message", &signature));
    assert!(!verify_batch(
        &key().public(),
        &[(b"message".to_vec(), signature)]
    ));
}

#[test]
fn a_batch_is_good_only_when_each_is() {
    let good: Vec<_> = (0..70_u8).map(|n| (vec![n; 5], key().sign(&[n; 5]))).collect();
    assert!(verify_batch::<&[u8]>(&key().public(), &[]));
    assert!(verify_batch(&key().public(), &good));
    assert!(!verify_batch(&key_of(8).public(), &good));
    for at in [0, 33, 69] {
        let mut bad = good.clone();
        bad[at].1[5] ^= 1;
        assert!(!verify_batch(&key().public(), &bad));
        let mut swapped = good.clone();
        swapped[at].0 = vec![200; 5];
        assert!(!verify_batch(&key().public(), &swapped));
    }
}

#[test]
fn debug_shows_no_seed() {
    let shown = format!("{:?}", key());
    assert!(!shown.contains("0707") && !shown.contains("7, 7"), "{shown}");
}
