// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {IAssay} from "../src/IAssay.sol";
import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Deploy} from "deploy/Deploy.sol";
import {Base} from "./Base.sol";
import {Forest} from "./Forest.sol";
import {vm} from "./Vm.sol";

/// @dev The game itself as the contract's arbiter. Its statements are made up but for one thing that a game can be about: whether
/// the last item of an entry is the root after it. So a seat that tells the truth there can always defend itself.
abstract contract Games is Base {
    using Forest for Forest.Tree;

    IPinpoint internal pinpoint;
    mapping(bytes32 entryHash => IAssay.Entry) internal kept;

    function setUp() public virtual override {
        super.setUp();
        pinpoint = IPinpoint(Deploy.contractNamed("PinpointArbiter", ""));
        assay = assayWith(pinpoint);
    }

    function playable() internal pure returns (IAssay.JobTerms memory t) {
        t = defaults();
        t.factsHash = sha256(bytes.concat("assay/facts/1", facts()));
    }

    /// @return Of the job, each with one micro-batch.
    function lanes() internal pure virtual returns (uint16) {
        return 4;
    }

    /// @dev Only its counts matter here.
    function facts() internal pure returns (bytes memory) {
        bytes memory counts = abi.encodePacked(uint32(lanes()), lanes(), lanes());
        return bytes.concat(new bytes(357), counts, new bytes(48));
    }

    // --------------------------------------------------------------- entries

    /// @dev Remembers what the window about to be committed claims.
    function keep(IAssay.Entry[] memory entries) internal {
        for (uint256 i = 0; i < entries.length; i++) {
            kept[assay.entryDigest(entries[i])] = entries[i];
        }
    }

    function commitKept(bytes32 jobId) internal returns (uint32 w) {
        (IAssay.Entry[] memory entries,) = build(jobId, 0);
        keep(entries);
        return commit(jobId);
    }

    function packed(bytes32 entryHash) internal view returns (bytes memory) {
        IAssay.Entry memory e = kept[entryHash];
        bytes memory place = abi.encodePacked(e.jobId, e.epoch, e.replica, e.window, e.stepFrom, e.stepTo);
        bytes memory roots = abi.encodePacked(e.rootBefore, e.rootAfter, e.lanesRoot, e.metricsRoot);
        return bytes.concat(place, roots, abi.encodePacked(e.solver));
    }

    /// @dev The items of an entry, of which the last one is its root, or is not.
    function items(bytes32 entryHash, bool honest) internal view returns (Forest.Tree memory) {
        IAssay.Entry memory e = kept[entryHash];
        uint256 replicas = assay.cellsOf(e.jobId, e.epoch).length;
        uint256 perStep = 2 * (lanes() / replicas);
        for (uint256 h = replicas / 2; h > 0; h /= 2) {
            perStep += 2;
        }
        uint256 count = (e.stepTo - e.stepFrom) * perStep + (e.stepFrom == 0 ? 1 : 0);
        return Forest.uniform(false, count, "item").with(count - 1, honest ? e.rootAfter : bytes32("another root"));
    }

    // ----------------------------------------------------------------- moves

    function claim(bytes32 entryHash) internal view returns (IPinpoint.ClaimView memory) {
        return pinpoint.claimOf(pinpoint.claimIdOf(address(assay), entryHash));
    }

    function gameId(bytes32 entryHash, uint256 seat, uint256 challenger) internal view returns (bytes32) {
        bytes32 claimId = pinpoint.claimIdOf(address(assay), entryHash);
        return pinpoint.gameIdOf(claimId, uint16(seat), uint16(challenger));
    }

    /// @dev A seat shows its items, in whichever of its games.
    function postItems(bytes32 entryHash, bytes32 game, address seat, bool honest) internal {
        Forest.Tree memory tree = items(entryHash, honest);
        bytes memory header = claim(entryHash).items == 0 ? bytes.concat(packed(entryHash), facts()) : bytes("");
        bytes memory data = tree.preimage(tree.height(), 0);
        vm.prank(seat);
        pinpoint.post(game, header, data);
    }

    /// @dev The challenger doubts that the last item is the root.
    function chooseRoot(bytes32 entryHash, bytes32 game, address challenger) internal {
        IPinpoint.Evidence memory e = evidence(entryHash);
        uint64 count = uint64(pinpoint.gameOf(game).count);
        vm.prank(challenger);
        pinpoint.choose(game, count, new bytes[](0), e);
    }

    /// @dev Either player opens the last item of what the seat has posted.
    function proveRoot(bytes32 entryHash, bytes32 game, address player, bool honest) internal {
        IPinpoint.Evidence memory e = evidence(entryHash);
        Forest.Tree memory tree = items(entryHash, honest);
        e.openings = new bytes[][](1);
        e.openings[0] = tree.open(tree.count - 1);
        vm.prank(player);
        pinpoint.prove(game, e);
    }

    function evidence(bytes32 entryHash) private view returns (IPinpoint.Evidence memory e) {
        (e.entry, e.facts) = (packed(entryHash), facts());
    }

    /// @return The last block for the move of whose turn it is.
    function moveUntil(IPinpoint.GameView memory g) internal pure returns (uint256) {
        return uint256(g.since) + (g.turn == IPinpoint.Side.Asserter ? g.asserterClock : g.challengerClock);
    }
}
