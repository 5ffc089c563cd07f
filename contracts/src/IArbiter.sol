// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title The judge of challenged claims
/// @notice Assay opens a dispute here and later pulls the ruling; an arbiter never calls back. A dispute is named by the
/// digest of the challenged entry and belongs to the contract that opened it (its court). Every ruling must leave
/// `Pending` within a time that is bounded by the claim's periods.
interface IArbiter {
    /// @notice `Refuted`: the claim is false, slash. `Contested`: undecided, nobody is slashed and the work is redone.
    /// `Upheld`: the claim stands and its accusers forfeit their bonds.
    enum Ruling {
        Pending,
        Refuted,
        Contested,
        Upheld
    }

    struct Claim {
        bytes32 entryHash;
        bytes32 jobId;
        address solver;
        uint32 responsePeriod;
    }

    /// @notice Opens the dispute over a claim, or lets one more accuser join it. The caller becomes its court.
    function open(Claim calldata claim, address accuser) external;

    /// @notice An acceptor answers for the pending claim, too: it may be contested for a whole response period from now.
    function extend(bytes32 entryHash, uint32 responsePeriod) external;

    /// @notice Somebody with a stake in the claim insists on it: its solver, or the verifier who accepted it. Called by the
    /// dispute's court, which knows who that is.
    function defend(bytes32 entryHash, address defender) external;

    /// @notice The present ruling of a dispute.
    function ruling(address court, bytes32 entryHash) external view returns (Ruling);
}
