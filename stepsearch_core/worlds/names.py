"""Names of the generated world: two parts from small lists, so that different entities share words.

Shared parts are the point: a query with a name alone also matches the namesakes' passages, and an entity
that no training question mentions is still made of words that training text holds. The lists are disjoint.
"""

from __future__ import annotations

import random
from itertools import product


def _listed(words: str) -> list[str]:
    return words.split()


FIRST_NAMES = _listed(
    "Ada Alma Anton Bruno Carla Clara Cyril Dora Edgar Edith Elsa Felix Flora Frieda Gustav Hanna Hugo Ida"
    " Igor Jonas Julia Karl Lena Leo Lukas Magda Marta Max Mira Nora Oscar Otto Paula Petra Rosa Rufus Selma"
    " Simon Tessa Vera Viktor Wanda Xenia Yvonne"
)
LAST_NAMES = _listed(
    "Abbott Archer Barlow Bennett Bishop Brandt Carver Chandler Cole Crane Dalton Drake Ellis Farrow Fisher"
    " Garner Gibson Hale Harper Hobbs Ingram Jarvis Keller Kemp Lambert Lowe Marlow Mercer Monroe Nolan"
    " Norton Osborne Parker Porter Quinn Reed Rowland Sawyer Shepard Thorne Turner Underhill Vaughn Wallace"
    " Webster Wilder Yates Zeller"
)
WORK_FIRST = _listed(
    "Ancient Broken Burning Crimson Crooked Crystal Distant Eastern Empty Endless Fallen Faded Forgotten"
    " Frozen Gentle Hidden Hollow Ivory Jagged Lonely Lost Midnight Painted Pale Restless Sacred Scarlet"
    " Secret Shining Silent Sleeping Stolen Sunken Tangled Velvet Vanished Wandering Whispering Withered"
    " Woven"
)
WORK_SECOND = _listed(
    "Anchor Arrow Bell Bridge Candle Castle Compass Crown Dagger Ember Feather Forest Garden Harbour Island"
    " Journey Key Kite Lantern Letter Mask Meadow Mirror Moon Mountain Orchard Palace Promise Quest River"
    " Shadow Ship Star Thread Tower Valley Voyage Wheel Window Winter"
)
ORGANISATION_FIRST = _listed(
    "Apex Atlas Aurora Beacon Century Cobalt Delta Eagle Falcon Granite Horizon Imperial Jupiter Laurel"
    " Meridian Nova Orion Phoenix Pioneer Regal Summit Titan Unity Zenith"
)
ORGANISATION_SECOND = _listed("Academy Bureau Company Foundation Guild Institute Press Studio")
CITY_FIRST = _listed(
    "Ash Birch Black Brook Cedar Clear East Elm Fair Glen Grand High Long Maple North Oak Pine South Stone"
    " Upper West White"
)
CITY_SECOND = _listed("Bay Bend Cliff Falls Ford Grove Haven Point")
CITY_SINGLE = _listed(
    "Arvela Belmora Corvane Dunholt Eskimar Fenwick Galdora Harrowgate Isenfell Jorvala Kelmont Lindova"
    " Marisol Norwell Ostrava Pelham Quillon Rosmere Selwick Tarnova"
)
COUNTRIES = _listed(
    "Aldovia Borunia Calvaria Drevonia Elboria Fardania Gavonia Heltavia Ilmaria Javonia Kestovia Lorvania"
    " Mardonia Nestoria Ordania Pelovia Quorania Ruvania Sordavia Tavoria Ulvania Vesporia Wendalia Yarvonia"
    " Zelmaria Bravonia Corvonia Darmania Esturia Felgonia Gortania Hesperia"
)
LINE_FIRST = _listed("Amber Bronze Copper Emerald Golden Indigo Marble Opal Ruby Sapphire Silver Violet")
LINE_SECOND = _listed("Arc Line Loop Route")


def pair_names(
    first: list[str], second: list[str], count: int, random_: random.Random, what: str
) -> list[str]:
    """`count` distinct two-word names, in random order.

    Raises:
        ValueError: the lists do not hold so many combinations.
    """
    names = [f"{a} {b}" for a, b in product(first, second)]
    if count > len(names):
        raise ValueError(f"the world's names allow at most {len(names)} {what}, {count} were asked for")
    return random_.sample(names, count)


def city_names(count: int, random_: random.Random) -> list[str]:
    """One-word names for about a fifth of the cities, two-word names for the others.

    Raises:
        ValueError: there are not so many names.
    """
    single = random_.sample(CITY_SINGLE, min(len(CITY_SINGLE), count // 5))
    return single + pair_names(CITY_FIRST, CITY_SECOND, count - len(single), random_, "two-word cities")


def country_names(count: int, random_: random.Random) -> list[str]:
    """`count` distinct one-word names.

    Raises:
        ValueError: there are not so many names.
    """
    if count > len(COUNTRIES):
        raise ValueError(
            f"the world's names allow at most {len(COUNTRIES)} countries, {count} were asked for"
        )
    return random_.sample(COUNTRIES, count)
