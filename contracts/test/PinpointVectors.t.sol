// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.37;

import {Facts, GraphFacts} from "../src/pinpoint/Facts.sol";
import {IPinpoint} from "../src/pinpoint/IPinpoint.sol";
import {Records} from "../src/pinpoint/Records.sol";
import {Schedule} from "../src/pinpoint/Schedule.sol";
import {Base} from "./Base.sol";
import {vm} from "./Vm.sol";

/// @dev Puts packed bytes into calldata for the libraries under test.
contract ScheduleProbe {
    function factsHash(bytes calldata facts) external pure returns (bytes32) {
        return Facts.factsHash(facts);
    }

    function entryHash(bytes calldata entry) external pure returns (bytes32) {
        return Facts.entryHash(entry);
    }

    function context(bytes calldata entry, bytes calldata facts, uint256 replicas)
        public
        pure
        returns (Schedule.Context memory c)
    {
        c.entry = Facts.readEntry(entry);
        c.facts = Facts.readFacts(facts);
        c.replicas = replicas;
    }

    function items(bytes calldata entry, bytes calldata facts, uint256 replicas) external pure returns (uint256) {
        return Schedule.count(context(entry, facts, replicas));
    }

    function sumItem(bytes calldata entry, bytes calldata facts, uint256 replicas, uint256 leaf)
        external
        pure
        returns (uint256)
    {
        Schedule.Context memory c = context(entry, facts, replicas);
        bool other = Schedule.placeOfSum(leaf, c.entry.replica, replicas) == Schedule.NO_PLACE;
        return other ? type(uint32).max : Schedule.sumItem(c, leaf);
    }

    /// @return packed All items, each followed by the rules of its inputs; then the item that each sum is, then the totals.
    function schedule(bytes calldata entry, bytes calldata facts, uint256 replicas)
        external
        view
        returns (bytes memory packed)
    {
        Schedule.Context memory c = context(entry, facts, replicas);
        uint256 count = Schedule.count(c);
        for (uint256 i = 0; i < count; i++) {
            Schedule.Item memory item = Schedule.itemAt(c, i);
            packed = bytes.concat(packed, itemBytes(item));
            if (item.kind != Schedule.Kind.Inbound) packed = bytes.concat(packed, rules(c, item));
            else packed = bytes.concat(packed, abi.encodePacked(uint32(Schedule.sumLeaf(c, item))));
        }
        for (uint256 leaf = 0; leaf < Schedule.sumCount(c); leaf++) {
            packed = bytes.concat(packed, abi.encodePacked(uint32(this.sumItem(entry, facts, replicas, leaf))));
        }
        for (uint256 step = 0; step < Schedule.steps(c); step++) {
            packed = bytes.concat(packed, abi.encodePacked(uint32(Schedule.total(c, step))));
        }
    }

    function itemBytes(Schedule.Item memory item) private pure returns (bytes memory) {
        return abi.encodePacked(
            uint8(item.kind), uint32(item.step), uint16(item.microBatch), uint32(item.left), uint32(item.right)
        );
    }

    function rules(Schedule.Context memory c, Schedule.Item memory item) private pure returns (bytes memory packed) {
        GraphFacts memory graph = Schedule.graphOf(c, item);
        for (uint256 port = 0; port < graph.inputs; port++) {
            Schedule.Origin memory o = Schedule.originOf(c, item, port);
            packed = bytes.concat(
                packed, abi.encodePacked(uint8(o.rule), o.before, uint32(o.item), uint32(o.leaf), uint32(o.leaves))
            );
        }
    }
}

/// @dev Facts, schedules and the order of records against those of pinpoint/ and proto/, from the shared vectors.
contract PinpointVectorsTest is Base {
    string private constant CASES = ".schedules";

    function setUp() public override {}

    function path(string memory list, uint256 i, string memory field) private pure returns (string memory) {
        return string.concat(list, "[", vm.toString(i), "].", field);
    }

    function test_schedules() public {
        ScheduleProbe probe = new ScheduleProbe();
        string memory json = vm.readFile("../test/vectors/pinpoint.json");
        for (uint256 i = 0; i < 28; i++) {
            bytes memory facts = vm.parseJsonBytes(json, path(CASES, i, "facts"));
            bytes memory entry = vm.parseJsonBytes(json, path(CASES, i, "entry"));
            uint256 replicas = vm.parseJsonUint(json, path(CASES, i, "replicas"));
            eq(probe.factsHash(facts), vm.parseJsonBytes32(json, path(CASES, i, "factsHash")), "facts");
            eq(probe.entryHash(entry), vm.parseJsonBytes32(json, path(CASES, i, "entryHash")), "entry");
            eq(probe.items(entry, facts, replicas), vm.parseJsonUint(json, path(CASES, i, "items")), "items");
            bytes32 digest = sha256(probe.schedule(entry, facts, replicas));
            eq(digest, vm.parseJsonBytes32(json, path(CASES, i, "digest")), vm.toString(i));
        }
    }

    function test_record_order() public view {
        string memory json = vm.readFile("../test/vectors/proto.json");
        for (uint256 i = 0; i < 8; i++) {
            bytes32 seed = vm.parseJsonBytes32(json, path(".permutations", i, "seed"));
            uint256 epoch = vm.parseJsonUint(json, path(".permutations", i, "epoch"));
            uint256 n = vm.parseJsonUint(json, path(".permutations", i, "n"));
            uint256[] memory indices = vm.parseJsonUintArray(json, path(".permutations", i, "indices"));
            uint256[] memory images = vm.parseJsonUintArray(json, path(".permutations", i, "images"));
            for (uint256 k = 0; k < indices.length; k++) {
                eq(Records.permute(seed, epoch, indices[k], n), images[k], "image");
                eq(Records.indexAt(seed, epoch * n + indices[k], n), images[k], "at a position");
            }
        }
    }
}
