// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IArbiter} from "./IArbiter.sol";

/// @title The arbiter without a game
/// @notice An accusation that nobody contests within the response period refutes its claim; a contested one stays
/// undecided. It names no liar when both sides insist: that takes the pinpoint challenge.
contract OptimisticArbiter is IArbiter {
    struct Dispute {
        address solver;
        uint48 contestUntil;
        bool contested;
    }

    /// @notice A dispute was opened or joined; it may be contested up to the given block.
    event Opened(
        address indexed court, bytes32 indexed entryHash, bytes32 jobId, address solver, address accuser, uint48 contestUntil
    );
    /// @notice An acceptor of the claim answers for it, too, and has its own time to do so.
    event Extended(address indexed court, bytes32 indexed entryHash, uint48 contestUntil);
    event Contested(address indexed court, bytes32 indexed entryHash, address defender);

    /// @notice Thrown when the dispute is unknown, already contested, or its time is over.
    error NotContestable(uint48 until);

    mapping(address court => mapping(bytes32 entryHash => Dispute)) public disputes;

    function open(Claim calldata claim, address accuser) external {
        Dispute storage d = disputes[msg.sender][claim.entryHash];
        if (d.solver == address(0)) {
            d.solver = claim.solver;
            d.contestUntil = uint48(block.number) + claim.responsePeriod;
        }
        emit Opened(msg.sender, claim.entryHash, claim.jobId, d.solver, accuser, d.contestUntil);
    }

    function extend(bytes32 entryHash, uint32 responsePeriod) external {
        Dispute storage d = disputes[msg.sender][entryHash];
        if (d.solver == address(0) || d.contested || block.number > d.contestUntil) revert NotContestable(d.contestUntil);
        d.contestUntil = uint48(block.number) + responsePeriod;
        emit Extended(msg.sender, entryHash, d.contestUntil);
    }

    function defend(bytes32 entryHash, address defender) external {
        Dispute storage d = disputes[msg.sender][entryHash];
        if (d.contested || block.number > d.contestUntil) revert NotContestable(d.contestUntil);
        d.contested = true;
        emit Contested(msg.sender, entryHash, defender);
    }

    function ruling(address court, bytes32 entryHash) external view returns (Ruling) {
        Dispute storage d = disputes[court][entryHash];
        if (d.contested) return Ruling.Contested;
        return d.solver != address(0) && block.number > d.contestUntil ? Ruling.Refuted : Ruling.Pending;
    }
}
