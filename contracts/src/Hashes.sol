// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "./IAssay.sol";

/// @title Every hash the contract shares with its clients
/// @dev SHA-256 of an ASCII tag and packed big-endian fields; proto/ repeats each of them.
library Hashes {
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    function job(bytes32 specHash, address submitter, uint64 nonce) internal view returns (bytes32) {
        return sha256(abi.encodePacked("assay/job/1", specHash, block.chainid, address(this), submitter, nonce));
    }

    function entry(IAssay.Entry calldata e) internal pure returns (bytes32) {
        return sha256(
            abi.encodePacked(
                "assay/entry/1",
                e.jobId,
                e.epoch,
                e.replica,
                e.window,
                e.stepFrom,
                e.stepTo,
                e.rootBefore,
                e.rootAfter,
                e.lanesRoot,
                e.metricsRoot,
                e.solver
            )
        );
    }

    function assignmentSeed(bytes32 jobId, uint32 epoch, bytes32 value) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("assay/assign/1", jobId, epoch, value));
    }

    function auditSeed(bytes32 jobId, uint32 epoch, uint32 window, bytes32 value) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("assay/audit/1", jobId, epoch, window, value));
    }

    function sample(bytes32 seed, bytes32 entryHash) internal pure returns (uint64) {
        return uint64(bytes8(sha256(abi.encodePacked("assay/sample/1", seed, entryHash))));
    }

    function verifierDraw(bytes32 seed, bytes32 entryHash, uint8 round) internal pure returns (uint256) {
        return uint256(sha256(abi.encodePacked("assay/verifier/1", seed, entryHash, round)));
    }

    function seatDraw(string memory tag, bytes32 seed, uint16 position) internal pure returns (uint256) {
        return uint256(sha256(abi.encodePacked(tag, seed, position)));
    }

    function verdict(
        bytes32 entryHash,
        address verifier,
        bool accept,
        uint16 against,
        bytes32 digest,
        bytes32 salt
    ) internal pure returns (bytes32) {
        return sha256(abi.encodePacked("assay/verdict/1", entryHash, verifier, accept, against, digest, salt));
    }

    /// @return The signer of a raw digest by a 65-byte r || s || v with low s and v of 27 or 28; zero for any other.
    function signer(bytes32 digest, bytes calldata signature) internal pure returns (address) {
        if (signature.length != 65) return address(0);
        bytes32 r = bytes32(signature[0:32]);
        bytes32 s = bytes32(signature[32:64]);
        if (uint256(s) > HALF_ORDER) return address(0);
        return ecrecover(digest, uint8(signature[64]), r, s);
    }
}
