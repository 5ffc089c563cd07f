// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

/// @title The judge of challenged claims
/// @notice A court opens a claim here for each accuser and later pulls the ruling; an arbiter never calls its court. A claim is named by the
/// digest of the challenged entry and belongs to the contract that opened it. Every ruling must leave `Pending` within a time that is bounded by
/// the claim's periods.
interface IArbiter {
    /// @notice `Refuted`: the claim is false. `Upheld`: the claim stands against all who have accused it so far.
    enum Ruling {
        Pending,
        Refuted,
        Upheld
    }

    /// @notice What a court says about an accused entry.
    struct Accusation {
        bytes32 entryHash;
        bytes32 jobId;
        bytes32 factsHash; //     digest of the job's facts, as its terms name it
        address solver; //        the first seat
        uint16 replicas; //       of the entry's plan epoch
        uint32 responsePeriod; // a clock's first budget; also the time to take a seat
        address[] acceptors; //   verifiers that have accepted the entry so far
    }

    /// @notice Opens the claim, or lets one more challenger join it. The caller becomes its court. What is known already, or
    /// refuted, or out, changes nothing. An upheld claim becomes pending again: its standing seats play the newcomer.
    function open(Accusation calldata accusation, address accuser) external;

    /// @notice Another verifier has accepted the entry: it may take a seat when one was lost, for a response period from now at least.
    function extend(bytes32 entryHash, address acceptor) external;

    /// @notice `Refuted` when all seats are lost and no acceptor may take one any more; `Upheld` when a seat stands and all
    /// challengers have lost; `Pending` otherwise, which the clocks bound.
    function ruling(address court, bytes32 entryHash) external view returns (Ruling);

    /// @notice Whether an account has lost a game of this claim: as a challenger, or as a seat.
    function lost(address court, bytes32 entryHash, address account) external view returns (bool);

    /// @notice Whether a challenger that has lost was shown that what it found wrong is an item of another entry of the same slot,
    /// which all entries of it rest on: that of `replica`.
    function passedTo(address court, bytes32 entryHash, address challenger)
        external
        view
        returns (bool passed, uint16 replica);

    /// @notice Gas that a challenger's moves in all games of this claim used, intrinsic cost included where it sent the
    /// transactions itself.
    function meteredGas(address court, bytes32 entryHash, address challenger) external view returns (uint256);
}
